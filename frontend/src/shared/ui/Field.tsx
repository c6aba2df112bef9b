import { type InputHTMLAttributes, useId } from "react";

interface Props extends InputHTMLAttributes<HTMLInputElement> {
  label: string;
  hint?: string;
  fault?: string | undefined;
}

/** A labelled input with its hint and its fault read out together with it. */
export function Field({ label, hint, fault, ...input }: Props) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input id={id} aria-invalid={fault ? true : undefined} aria-describedby={hint || fault ? `${id}-note` : undefined} {...input} />
      {(fault || hint) && <span id={`${id}-note`} className={fault ? "fault" : "hint"}>{fault ?? hint}</span>}
    </div>
  );
}
