import type { ReactNode } from "react";

import { CopyButton } from "./CopyButton";

interface Props {
  /** What it is and what to do with it. */
  children: ReactNode;
  /** The secret itself, of one line or more. */
  text: string;
  /** How tests find it. */
  name?: string;
  done: () => void;
}

/** A secret that the server tells once. */
export function ShownOnce({ children, text, name, done }: Props) {
  return (
    <div className="notice" role="status">
      <b>{children}</b>
      <pre className="secret" data-testid={name}>{text}</pre>
      <div className="row">
        <CopyButton text={text} />
        <button type="button" className="button quiet" onClick={done}>I have {text.includes("\n") ? "them" : "it"}</button>
      </div>
    </div>
  );
}
