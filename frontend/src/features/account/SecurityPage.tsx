import { useSession } from "@/session/session";

import { ChangePassword } from "./ChangePassword";
import { EmailState } from "./EmailState";
import { SecondFactor } from "./SecondFactor";

/** What proves who somebody is: the password, the second factor, the address. */
export default function SecurityPage() {
  const session = useSession();
  if (session.status !== "signed-in") return null;
  const { user } = session.session;
  return (
    <>
      <ChangePassword email={user.email} />
      <SecondFactor enabled={user.mfa_enabled} />
      <EmailState user={user} />
    </>
  );
}
