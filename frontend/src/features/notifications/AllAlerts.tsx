import { Empty, Failure, Loading } from "@/shared/ui/states";

import { AlertList } from "./AlertList";
import { useAlerts } from "./alerts";
import "./notifications.css";

/** Every alert of the user, with what can be done with each. */
export function AllAlerts({ none = "You have no alerts. Set one from the bell of an instrument." }: { none?: string }) {
  const all = useAlerts(null);
  return (
    <>
      {all.failed && <Failure error={all.failed} retry={() => void all.list.refetch()} />}
      {all.list.isPending && <Loading />}
      {all.list.isSuccess && all.alerts.length === 0 && <Empty>{none}</Empty>}
      {all.alerts.length > 0 && <AlertList alerts={all.alerts} acting={all} />}
    </>
  );
}
