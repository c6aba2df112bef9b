import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { data } from "@/api/client";
import { changeWebhook, deleteWebhook, replaceWebhookSecret, testWebhook, type WebhookView } from "@/api/generated";
import { moment } from "@/shared/format/time";
import { Failure } from "@/shared/ui/states";

import { Deliveries } from "./Deliveries";
import { kindName } from "./kinds";

const WHY_OFF: Record<string, string> = { failing: "Switched off: nothing could be delivered for three days.", gone: "Switched off: the receiver answered 410, gone." };

export function WebhookCard({ webhook, showSecret }: { webhook: WebhookView; showSecret: (secret: string) => void }) {
  const cache = useQueryClient();
  const [log, setLog] = useState(false);
  const path = { webhook_id: webhook.id };
  const onSettled = (): Promise<void> => cache.invalidateQueries({ queryKey: ["webhooks"] });
  // The list alone: what is gone has no log to ask for.
  const gone = (): Promise<void> => cache.invalidateQueries({ queryKey: ["webhooks"], exact: true });
  const turn = useMutation({ mutationFn: (active: boolean) => data(changeWebhook({ path, body: { active } })), onSettled });
  const test = useMutation({ mutationFn: () => data(testWebhook({ path })), onSuccess: () => setLog(true), onSettled });
  const renew = useMutation({ mutationFn: () => data(replaceWebhookSecret({ path })), onSuccess: ({ secret }) => showSecret(secret) });
  const remove = useMutation({ mutationFn: () => data(deleteWebhook({ path })), onSuccess: gone });
  const failed = turn.error ?? test.error ?? renew.error ?? remove.error;
  return (
    <article className="panel stack" aria-label={`Webhook ${webhook.url}`}>
      <div className="row">
        <b className="grow address">{webhook.url}</b>
        <span className={`tag ${webhook.active ? (webhook.failing_since ? "wait" : "good") : "bad"}`}>{webhook.active ? (webhook.failing_since ? "failing" : "on") : "off"}</span>
      </div>
      <p className="muted">{[webhook.note, webhook.kinds.length === 0 ? "every kind of event" : webhook.kinds.map(kindName).join(", ")].filter(Boolean).join(" · ")}</p>
      {webhook.active && webhook.failing_since && <p className="warn">Nothing has arrived there since {moment(webhook.failing_since)}.</p>}
      {!webhook.active && webhook.disabled_reason && <p className="warn">{WHY_OFF[webhook.disabled_reason] ?? "Switched off."}</p>}
      {failed && <Failure error={failed} />}
      <div className="row">
        <button type="button" className="button" aria-expanded={log} onClick={() => setLog(!log)}>Deliveries</button>
        <button type="button" className="button" disabled={test.isPending || !webhook.active} onClick={() => test.mutate()}>Send a test</button>
        <button type="button" className="button" disabled={turn.isPending} onClick={() => turn.mutate(!webhook.active)}>{webhook.active ? "Switch off" : "Switch on"}</button>
        <button type="button" className="button" disabled={renew.isPending} onClick={() => renew.mutate()}>New secret</button>
        <button type="button" className="button" disabled={remove.isPending} onClick={() => remove.mutate()}>Delete</button>
      </div>
      {log && <Deliveries webhook={webhook.id} />}
    </article>
  );
}
