import { Popover } from "@base-ui/react/popover";
import type { LucideIcon } from "lucide-react";

import type { MovableLine } from "./MarkLayer";
import { named } from "./linePrices";

interface Props {
  /** What the lines stand for: "Working orders". */
  title: string;
  Icon: LucideIcon;
  lines: readonly MovableLine[];
  change: (line: MovableLine) => void;
}

/** The lines on the chart that can be dragged: what dragging does, without a pointer. */
export function LineMenu({ title, Icon, lines, change }: Props) {
  return (
    <Popover.Root>
      <Popover.Trigger className="button quiet" aria-label={`${title}: ${lines.length}`}><Icon size={15} aria-hidden /> {lines.length}</Popover.Trigger>
      <Popover.Portal>
        <Popover.Positioner sideOffset={4} style={{ zIndex: 9 }}>
          <Popover.Popup className="menu drawings">
            <Popover.Title render={<h2 />}>{title}</Popover.Title>
            <p className="muted">Drag a line on the chart to another price, or change it here.</p>
            <ul>
              {lines.map((line) => (
                <li key={`${line.id}${line.field}`}>
                  {line.field !== "value" && <span className={line.side === "buy" ? "up" : "down"}>{line.side === "buy" ? "▲" : "▼"}</span>}
                  <span className="grow">{named(line)}</span>
                  <span className="num">{line.price}</span>
                  <Popover.Close className="button" aria-label={`Change ${named(line)} at ${line.price}`} onClick={() => change(line)}>Change</Popover.Close>
                </li>
              ))}
            </ul>
          </Popover.Popup>
        </Popover.Positioner>
      </Popover.Portal>
    </Popover.Root>
  );
}
