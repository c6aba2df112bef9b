import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";

import { data } from "@/api/client";
import { listMails } from "@/api/generated";
import { ApiError } from "@/api/problem";
import { moment } from "@/shared/format/time";
import { Empty, Failure, Loading } from "@/shared/ui/states";

/** In development: the mails that would have been sent, links and all. */
export default function MailboxPage() {
  const mails = useQuery({ queryKey: ["mailbox"], queryFn: () => data(listMails({ query: { limit: 50 } })), refetchInterval: 3_000 });
  const absent = mails.error instanceof ApiError && mails.error.status === 404;
  return (
    <main className="page">
      <h1>Development mailbox</h1>
      <p className="muted">Without a mail server, mails are kept here instead of being sent. <Link to="/">Back to the app</Link></p>
      {mails.isPending && <Loading />}
      {absent && <Empty>There is no development mailbox here: this instance sends real mail, or you are on another machine.</Empty>}
      {mails.isError && !absent && <Failure error={mails.error} retry={() => void mails.refetch()} />}
      {mails.isSuccess && mails.data.items.length === 0 && <Empty>No mail has been sent yet.</Empty>}
      {mails.data?.items.map((mail) => (
        <article key={mail.id} className="panel stack">
          <div className="row"><h2 className="grow">{mail.subject}</h2><span className="muted">{moment(mail.sent_at)}</span></div>
          <p className="muted">To {mail.to}</p>
          <p style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>{withLinks(mail.text)}</p>
        </article>
      ))}
    </main>
  );
}

function withLinks(text: string) {
  return text.split(/(https?:\/\/\S+[^\s.,])/).map((part, i) => (i % 2 === 1 ? <a key={i} href={part}>{part}</a> : part));
}
