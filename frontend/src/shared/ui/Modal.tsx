import { Dialog } from "@base-ui/react/dialog";
import type { ReactNode } from "react";

interface Props {
  /** The heading; left out, the children have one of their own. */
  title?: string;
  /** Of the popup, beside `dialog`. */
  className: string;
  close: () => void;
  children: ReactNode;
}

/** A dialog over the page, which Escape and a click beside it close. */
export function Modal({ title, className, close, children }: Props) {
  return (
    <Dialog.Root open onOpenChange={(open) => !open && close()}>
      <Dialog.Portal>
        <Dialog.Backdrop className="overlay" />
        <Dialog.Popup className={`dialog ${className}`}>
          {title !== undefined && (
            <header className="row">
              <Dialog.Title className="grow">{title}</Dialog.Title>
              <Dialog.Close className="button">Done</Dialog.Close>
            </header>
          )}
          {children}
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
