import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";

import { data } from "@/api/client";
import { getNotificationPreferences, type PreferencesBody, type PreferencesView, putNotificationPreferences } from "@/api/generated";
import { Field } from "@/shared/ui/Field";
import { Failure, Loading } from "@/shared/ui/states";

import { kindName } from "./kinds";
import { Telegram } from "./Telegram";

type Channel = PreferencesView["available"][number];
const CHANNELS: Record<Channel, string> = { web: "Inbox", email: "E-mail", telegram: "Telegram", webhook: "Webhooks" };
const KEY = ["notification-preferences"];

/** Which channel tells of what, and when the user is left in peace. */
export default function SettingsPage() {
  const preferences = useQuery({ queryKey: KEY, queryFn: () => data(getNotificationPreferences()) });
  if (preferences.isPending) return <Loading lines={6} />;
  if (preferences.isError) return <Failure error={preferences.error} retry={() => void preferences.refetch()} />;
  return (
    <>
      <Preferences stored={preferences.data} />
      {preferences.data.available.includes("telegram")
        ? <Telegram />
        : <section className="panel stack" aria-label="Telegram"><h2>Telegram</h2><p className="muted">This deployment has no bot. Its operator sets TELEGRAM_BOT_TOKEN.</p></section>}
    </>
  );
}

function Preferences({ stored }: { stored: PreferencesView }) {
  const cache = useQueryClient();
  const [channels, setChannels] = useState(stored.channels);
  const [quiet, setQuiet] = useState(stored.quiet_hours !== null);
  const save = useMutation({
    mutationFn: (body: PreferencesBody) => data(putNotificationPreferences({ body })),
    onSuccess: (now) => {
      cache.setQueryData(KEY, now);
      setChannels(now.channels);
    },
  });

  function toggle(kind: string, channel: Channel, on: boolean): void {
    const now = channels[kind] ?? [];
    setChannels({ ...channels, [kind]: on ? [...now, channel] : now.filter((each) => each !== channel) });
  }

  function submit(event: FormEvent<HTMLFormElement>): void {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (name: string): string => String(form.get(name) ?? "").trim();
    const hours = quiet ? { start: text("start"), end: text("end") } : null;
    save.mutate({ time_zone: text("zone"), quiet_hours: hours, channels });
  }

  return (
    <form className="panel stack" onSubmit={submit} aria-label="What tells you of what">
      <h2>What tells you of what</h2>
      <div className="scroll-x" tabIndex={0} role="group" aria-label="Channels by kind of event">
        <table className="channels">
          <thead><tr><th scope="col">Event</th>{stored.available.map((name) => <th key={name} scope="col">{CHANNELS[name]}</th>)}</tr></thead>
          <tbody>
            {Object.keys(stored.channels).map((kind) => (
              <tr key={kind}>
                <th scope="row">{kindName(kind)}</th>
                {stored.available.map((name) => (
                  <td key={name}>
                    {/* The inbox is the record; of security auth writes mails itself. */}
                    <input
                      type="checkbox" aria-label={`${kindName(kind)}: ${CHANNELS[name]}`} checked={name === "web" || (channels[kind] ?? []).includes(name)}
                      disabled={name === "web" || (kind === "security.changed" && name === "email")} onChange={(event) => toggle(kind, name, event.target.checked)}
                    />
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <fieldset className="choices">
        <legend>Quiet hours</legend>
        <label><input type="checkbox" checked={quiet} onChange={(event) => setQuiet(event.target.checked)} /> E-mail and Telegram wait, except for what is critical</label>
      </fieldset>
      <div className="pairs">
        {quiet && <Field label="From" name="start" type="time" required defaultValue={stored.quiet_hours?.start.slice(0, 5) ?? "22:30"} />}
        {quiet && <Field label="Until" name="end" type="time" required defaultValue={stored.quiet_hours?.end.slice(0, 5) ?? "07:00"} />}
        <Field label="Time zone" name="zone" required defaultValue={stored.time_zone} hint="Of the IANA database." />
      </div>
      {save.isError && <Failure error={save.error} />}
      <div className="row">
        <button className="button primary" disabled={save.isPending}>Save</button>
        {save.isSuccess && <span className="muted" role="status">Saved.</span>}
      </div>
    </form>
  );
}
