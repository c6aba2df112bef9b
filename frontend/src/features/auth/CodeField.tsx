import { Field } from "@/shared/ui/Field";

/** For the code of the second factor. Browsers and password managers fill it in by themselves. */
export function CodeField({ fault }: { fault?: string | undefined }) {
  return (
    <Field
      label="Code" name="code" required autoFocus autoComplete="one-time-code" spellCheck={false} maxLength={64} fault={fault}
      hint="From your authenticator app, or one of your recovery codes."
    />
  );
}
