import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { FormEvent } from "react";

import { data } from "@/api/client";
import { confirmTelegramChat, getTelegramChat, linkTelegramChat, unlinkTelegramChat } from "@/api/generated";
import { Field } from "@/shared/ui/Field";
import { Failure, Loading } from "@/shared/ui/states";

const KEY = ["telegram"];

/** Link a chat of Telegram: name it, then type the code that the bot writes there. */
export function Telegram() {
  const cache = useQueryClient();
  const link = useQuery({ queryKey: KEY, queryFn: () => data(getTelegramChat()) });
  const onSettled = (): Promise<void> => cache.invalidateQueries({ queryKey: KEY });
  const begin = useMutation({ mutationFn: (chat_id: string) => data(linkTelegramChat({ body: { chat_id } })), onSettled });
  const confirm = useMutation({ mutationFn: (code: string) => data(confirmTelegramChat({ body: { code } })), onSettled });
  const remove = useMutation({ mutationFn: () => data(unlinkTelegramChat()), onSettled });
  const failed = link.error ?? begin.error ?? confirm.error ?? remove.error;

  function given(event: FormEvent<HTMLFormElement>, name: string): string {
    event.preventDefault();
    return String(new FormData(event.currentTarget).get(name) ?? "").trim();
  }

  const chat = link.data?.chat_id ?? null;
  const linked = link.data?.confirmed === true;
  return (
    <section className="panel stack" aria-labelledby="telegram">
      <div className="row"><h2 id="telegram" className="grow">Telegram</h2><span className={`tag ${linked ? "good" : chat ? "wait" : ""}`}>{linked ? "linked" : chat ? "waits for the code" : "not linked"}</span></div>
      {failed && <Failure error={failed} />}
      {link.isPending && <Loading lines={1} />}
      {chat && (
        <div className="row">
          <p className="grow">Chat {chat}</p>
          <button type="button" className="button" disabled={remove.isPending} onClick={() => remove.mutate()}>Unlink</button>
        </div>
      )}
      {chat && !linked && (
        <form className="row bottom" onSubmit={(event) => confirm.mutate(given(event, "code"))}>
          <Field label="Code that the bot has sent" name="code" required inputMode="numeric" pattern="[0-9]{6}" autoComplete="one-time-code" />
          <button className="button primary" disabled={confirm.isPending}>Confirm</button>
        </form>
      )}
      {link.isSuccess && !chat && (
        <form className="row bottom" onSubmit={(event) => begin.mutate(given(event, "chat"))}>
          <Field label="Chat" name="chat" required inputMode="numeric" pattern="-?[0-9]{1,20}" placeholder="123456789" hint="Start the bot there first. @userinfobot tells the number." />
          <button className="button primary" disabled={begin.isPending}>Send a code</button>
        </form>
      )}
    </section>
  );
}
