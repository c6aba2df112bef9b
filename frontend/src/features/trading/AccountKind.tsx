import type { AccountView } from "@/api/generated";

/** Whether orders of an account are play or go to the broker. To be seen wherever one is placed. */
export function AccountKind({ account }: { account: Pick<AccountView, "kind"> }) {
  return account.kind === "paper" ? <span className="tag wait">Paper</span> : <span className="tag bad">Live, at the broker</span>;
}
