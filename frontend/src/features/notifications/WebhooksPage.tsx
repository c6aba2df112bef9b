import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";

import { data } from "@/api/client";
import { createWebhook, listWebhooks, type WebhookBody } from "@/api/generated";
import { toApiError } from "@/api/problem";
import { Field } from "@/shared/ui/Field";
import { ShownOnce } from "@/shared/ui/ShownOnce";
import { Empty, Failure, Loading } from "@/shared/ui/states";

import { KindChoice } from "./KindChoice";
import { WebhookCard } from "./WebhookCard";

/** Where the user's own programs are told, and how each message fared. */
export default function WebhooksPage() {
  const [making, setMaking] = useState(false);
  const [secret, setSecret] = useState<string | null>(null);
  const list = useQuery({ queryKey: ["webhooks"], queryFn: () => data(listWebhooks()) });
  return (
    <section className="stack" aria-label="Webhooks">
      <div className="row">
        <p className="muted grow">Each event is posted as signed JSON to your program, and tried again for three days until it answers 2xx.</p>
        {!making && <button type="button" className="button primary" onClick={() => setMaking(true)}>New webhook</button>}
      </div>
      {secret && <ShownOnce text={secret} done={() => setSecret(null)}>Copy the secret now; it verifies the signatures and is not shown again.</ShownOnce>}
      {making && (
        <NewWebhook
          made={(told) => {
            setSecret(told);
            setMaking(false);
          }}
          cancel={() => setMaking(false)}
        />
      )}
      {list.isPending && <Loading />}
      {list.isError && <Failure error={list.error} retry={() => void list.refetch()} />}
      {list.isSuccess && list.data.items.length === 0 && !making && <Empty action={<button type="button" className="button" onClick={() => setMaking(true)}>Add one</button>}>No program of yours is told yet.</Empty>}
      {list.data?.items.map((webhook) => <WebhookCard key={webhook.id} webhook={webhook} showSecret={setSecret} />)}
    </section>
  );
}

const NO_FAULTS: ReadonlyMap<string, string> = new Map();

function NewWebhook({ made, cancel }: { made: (secret: string) => void; cancel: () => void }) {
  const cache = useQueryClient();
  const [kinds, setKinds] = useState<ReadonlySet<string>>(new Set());
  const create = useMutation({
    mutationFn: (body: WebhookBody) => data(createWebhook({ body })),
    onSuccess: ({ secret }) => {
      void cache.invalidateQueries({ queryKey: ["webhooks"] });
      made(secret);
    },
  });
  function submit(event: FormEvent<HTMLFormElement>): void {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (name: string): string => String(form.get(name) ?? "").trim();
    create.mutate({ url: text("url"), note: text("note"), kinds: [...kinds] as NonNullable<WebhookBody["kinds"]> });
  }
  const faults = create.error ? toApiError(create.error, undefined).fields : NO_FAULTS;
  return (
    <form className="panel stack" onSubmit={submit} aria-label="New webhook">
      {create.isError && <Failure error={create.error} />}
      <Field label="Address" name="url" type="url" required maxLength={2000} placeholder="https://bot.example.com/breezeway" hint="HTTPS, on the public internet, unless the operator allows others." fault={faults.get("url")} />
      <Field label="Note (optional)" name="note" maxLength={100} fault={faults.get("note")} />
      <KindChoice chosen={kinds} choose={setKinds} />
      <div className="row">
        <button className="button primary" disabled={create.isPending}>Add the webhook</button>
        <button type="button" className="button quiet" onClick={cancel}>Cancel</button>
      </div>
    </form>
  );
}
