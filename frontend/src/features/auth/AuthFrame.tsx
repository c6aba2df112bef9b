import type { FormEvent, ReactNode } from "react";

interface Props {
  title: string;
  children: ReactNode;
  submit?: (event: FormEvent<HTMLFormElement>) => Promise<void>;
}

/** The page around every form for somebody who is not signed in. */
export function AuthFrame({ title, children, submit }: Props) {
  return (
    <main className="auth">
      <form onSubmit={(event) => void submit?.(event)}>
        <span className="brand"><img src="/favicon.svg" alt="" width="28" height="28" /> Breezeway</span>
        <h1>{title}</h1>
        {children}
      </form>
    </main>
  );
}
