import type { ReactNode } from "react";

import { Failure, Loading } from "@/shared/ui/states";

interface PanelProps<T> {
  title: string;
  query: { data: T | undefined; error: Error | null; isPending: boolean; refetch: () => unknown };
  children: (value: T) => ReactNode;
}

/** What one question to the API answered; an older answer stays, dimmed, when a later one fails. */
export function Panel<T>({ title, query, children }: PanelProps<T>) {
  return (
    <section className="panel stack" aria-label={title}>
      <h2>{title}</h2>
      {query.isPending && <Loading lines={2} />}
      {query.error && <Failure error={query.error} retry={() => query.refetch()} />}
      {query.data !== undefined && <div className="scroll-x" tabIndex={0} role="group" aria-label={title} style={{ opacity: query.error ? 0.5 : 1 }}>{children(query.data)}</div>}
    </section>
  );
}

export function Facts({ rows }: { rows: [string, ReactNode][] }) {
  return <table><tbody>{rows.map(([name, value]) => <tr key={name}><th scope="row">{name}</th><td>{value}</td></tr>)}</tbody></table>;
}
