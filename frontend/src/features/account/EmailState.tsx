import { useMutation } from "@tanstack/react-query";

import { data } from "@/api/client";
import { resendVerification, type UserView } from "@/api/generated";
import { Failure } from "@/shared/ui/states";

/** Whether the address is confirmed, and another mail when it is not. */
export function EmailState({ user }: { user: UserView }) {
  const resend = useMutation({ mutationFn: () => data(resendVerification({ body: { email: user.email } })) });
  return (
    <section className="panel stack" aria-labelledby="email">
      <div className="row">
        <h2 id="email" className="grow">{user.email}</h2>
        <span className={`tag ${user.email_verified ? "good" : "wait"}`}>{user.email_verified ? "confirmed" : "not confirmed"}</span>
      </div>
      {resend.isError && <Failure error={resend.error} />}
      {resend.isSuccess && <p className="notice" role="status">A mail with a link is on its way.</p>}
      {!user.email_verified && !resend.isSuccess && (
        <div className="row">
          <span className="muted">Open the link in the mail that we sent you.</span>
          <button type="button" className="button" disabled={resend.isPending} onClick={() => resend.mutate()}>Send it again</button>
        </div>
      )}
    </section>
  );
}
