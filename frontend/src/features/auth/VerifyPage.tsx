import { useQuery } from "@tanstack/react-query";
import { Link, useLocation } from "react-router";

import { data } from "@/api/client";
import { getMe, verifyEmail } from "@/api/generated";
import { sessions, updateUser } from "@/session/session";
import { Failure, Loading } from "@/shared/ui/states";

import { AuthFrame } from "./AuthFrame";
import { mailedToken } from "./mailedToken";

/** Where the link of the first mail leads: the address is confirmed by opening it. */
export default function VerifyPage() {
  const token = mailedToken(useLocation().hash);
  const confirmed = useQuery({
    queryKey: ["verify-email", token],
    queryFn: async () => {
      await data(verifyEmail({ body: { token: token ?? "" } }));
      if (sessions.get().status === "signed-in") updateUser(await data(getMe()));
      return true;
    },
    // The token works once: a second try could only fail.
    enabled: token !== null, retry: false, staleTime: Infinity, refetchOnWindowFocus: false, refetchOnReconnect: false,
  });
  return (
    <AuthFrame title="Your e-mail address">
      {token === null && <p>This link is not whole. Open it from the mail again.</p>}
      {token !== null && confirmed.isPending && <Loading lines={1} />}
      {confirmed.isError && <Failure error={confirmed.error} />}
      {confirmed.isSuccess && <p role="status">Thank you: your address is confirmed.</p>}
      <Link className="button primary" to="/">Go to the app</Link>
    </AuthFrame>
  );
}
