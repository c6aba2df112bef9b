import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { data } from "@/api/client";
import { type ApiKeyView, type CreatedApiKey, deleteApiKey, listApiKeys } from "@/api/generated";
import { day, moment } from "@/shared/format/time";
import { ShownOnce } from "@/shared/ui/ShownOnce";
import { Empty, Failure, Loading } from "@/shared/ui/states";

import { NewApiKeyForm } from "./NewApiKeyForm";

/** Keys for bots and notebooks: made here, shown once, deleted here. */
export default function ApiKeysPage() {
  const cache = useQueryClient();
  const [made, setMade] = useState<CreatedApiKey | null>(null);
  const [making, setMaking] = useState(false);
  const list = useQuery({ queryKey: ["api-keys"], queryFn: () => data(listApiKeys({ query: { limit: 100 } })) });
  const refresh = (): Promise<void> => cache.invalidateQueries({ queryKey: ["api-keys"] });
  const remove = useMutation({ mutationFn: (id: string) => data(deleteApiKey({ path: { key_id: id } })), onSuccess: refresh });

  function keep(key: CreatedApiKey): void {
    setMade(key);
    setMaking(false);
    void refresh();
  }

  const failed = list.error ?? remove.error;
  return (
    <section className="panel stack" aria-labelledby="api-keys">
      <div className="row">
        <h2 id="api-keys" className="grow">API keys</h2>
        {!making && <button type="button" className="button primary" onClick={() => setMaking(true)}>New key</button>}
      </div>
      <p className="muted">For bots and notebooks. Send one as the header <code>X-API-Key</code>; no key can change passwords, keys or broker accounts.</p>
      {made && (
        <ShownOnce text={made.key} name="new-key" done={() => setMade(null)}>Copy the key of “{made.name}” now. It is not shown again.</ShownOnce>
      )}
      {making && <NewApiKeyForm made={keep} cancel={() => setMaking(false)} />}
      {list.isPending && <Loading />}
      {failed && <Failure error={failed} retry={() => void list.refetch()} />}
      {list.isSuccess && list.data.items.length === 0 && !making && <Empty>You have no API keys yet.</Empty>}
      {list.isSuccess && list.data.items.length > 0 && (
        <KeyTable keys={list.data.items} busy={remove.isPending} remove={(id) => remove.mutate(id)} />
      )}
    </section>
  );
}

function KeyTable({ keys, busy, remove }: { keys: ApiKeyView[]; busy: boolean; remove: (id: string) => void }) {
  const [now] = useState(() => Date.now());
  return (
    <div className="scroll-x" tabIndex={0} role="group" aria-label="Your API keys">
      <table>
        <thead><tr><th scope="col">Name</th><th scope="col">Begins with</th><th scope="col">May</th><th scope="col">From</th><th scope="col">Last used</th><th scope="col">Ends</th><th scope="col"><span className="sr">Actions</span></th></tr></thead>
        <tbody>
          {keys.map((key) => (
            <tr key={key.id}>
              <td>{key.name}</td>
              <td><code>{key.prefix}</code></td>
              <td>{key.scopes.join(", ")}</td>
              <td>{key.allowed_ips.join(", ") || "anywhere"}</td>
              <td>{key.last_used_at ? `${moment(key.last_used_at)}${key.last_used_ip ? ` from ${key.last_used_ip}` : ""}` : "never"}</td>
              <td>{key.expires_at === null ? "never" : Date.parse(key.expires_at) < now ? <span className="tag bad">ended</span> : day(key.expires_at)}</td>
              <td><button type="button" className="button" disabled={busy} onClick={() => remove(key.id)} aria-label={`Delete ${key.name}`}>Delete</button></td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
