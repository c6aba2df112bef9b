import { AlertForm } from "./AlertForm";
import { AllAlerts } from "./AllAlerts";

/** Every alert of the user, and a form for another. */
export default function AlertsPage() {
  return (
    <>
      <section className="panel stack" aria-labelledby="new-alert">
        <h2 id="new-alert">New alert</h2>
        <p className="muted">It tells when the market crosses the level, not while it is beyond it already.</p>
        <AlertForm />
      </section>
      <section className="stack" aria-label="Your alerts">
        <AllAlerts none="You have no alerts. Set one above, or from the bell of an instrument in the workspace." />
      </section>
    </>
  );
}
