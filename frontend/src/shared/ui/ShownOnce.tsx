import type { ReactNode } from "react";

interface Props {
  /** What it is and what to do with it. */
  children: ReactNode;
  /** The secret itself. */
  text: string;
  done: () => void;
}

/** A secret that the server tells once. */
export function ShownOnce({ children, text, done }: Props) {
  return (
    <div className="notice" role="status">
      <b>{children}</b>
      <div className="secret">{text}</div>
      <div className="row">
        <button type="button" className="button" onClick={() => void navigator.clipboard.writeText(text)}>Copy</button>
        <button type="button" className="button quiet" onClick={done}>I have it</button>
      </div>
    </div>
  );
}
