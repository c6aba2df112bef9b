import { Empty, Failure, Loading } from "@/shared/ui/states";

import { AlertForm } from "./AlertForm";
import { AlertList } from "./AlertList";
import { useAlerts } from "./alerts";

/** Every alert of the user, and a form for another. */
export default function AlertsPage() {
  const all = useAlerts(null);
  return (
    <>
      <section className="panel stack" aria-labelledby="new-alert">
        <h2 id="new-alert">New alert</h2>
        <p className="muted">It tells when the market crosses the level, not while it is beyond it already.</p>
        <AlertForm />
      </section>
      <section className="stack" aria-label="Your alerts">
        {all.failed && <Failure error={all.failed} retry={() => void all.list.refetch()} />}
        {all.list.isPending && <Loading />}
        {all.list.isSuccess && all.alerts.length === 0 && <Empty>You have no alerts. Set one above, or from the bell of an instrument in the workspace.</Empty>}
        {all.alerts.length > 0 && <AlertList alerts={all.alerts} acting={all} />}
      </section>
    </>
  );
}
