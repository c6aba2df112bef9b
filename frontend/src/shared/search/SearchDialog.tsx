import { Dialog } from "@base-ui/react/dialog";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { type KeyboardEvent, useDeferredValue, useState } from "react";

import { data } from "@/api/client";
import { type Instrument, searchInstruments } from "@/api/generated";
import { actOn } from "@/shared/keys/keys";
import { Modal } from "@/shared/ui/Modal";
import { Failure } from "@/shared/ui/states";

interface Props {
  close: () => void;
  choose: (symbol: string) => void;
}

/** Find an instrument by name, symbol or contract; arrows and Enter work from the input. */
export function SearchDialog({ close, choose }: Props) {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const query = useDeferredValue(text.trim());
  const found = useQuery({
    queryKey: ["search", query],
    queryFn: ({ signal }) => data(searchInstruments({ query: { q: query, limit: 12 }, signal })),
    enabled: query !== "", placeholderData: keepPreviousData, staleTime: 60_000,
  });
  const items: Instrument[] = query === "" ? [] : (found.data?.items ?? []);

  function onKey(event: KeyboardEvent): void {
    const go = (step: number): void => setAt((now) => Math.min(Math.max(now + step, 0), Math.max(items.length - 1, 0)));
    const item = items[at];
    actOn("search", event, { next: () => go(1), previous: () => go(-1), choose: () => (item ? choose(item.symbol) : false) });
  }

  return (
    <Modal className="search" close={close}>
      <Dialog.Title className="sr">Search instruments</Dialog.Title>
      <input
        role="combobox" aria-expanded={items.length > 0} aria-controls="found" aria-activedescendant={items[at] ? `found-${at}` : undefined}
        aria-label="Search instruments" placeholder="reliance, nifty 26000 ce dec, banknifty fut …" autoFocus autoComplete="off" spellCheck={false}
        value={text} onKeyDown={onKey}
        onChange={(event) => {
          setText(event.target.value);
          setAt(0);
        }}
      />
      {found.isError && <Failure error={found.error} retry={() => void found.refetch()} />}
      {query !== "" && found.isSuccess && items.length === 0 && <p className="none muted">Nothing is called “{query}”. Try the company's name, or underlying, strike and CE or PE.</p>}
      <ul id="found" role="listbox" aria-label="Found">
        {items.map((item, i) => (
          <li key={item.symbol} id={`found-${i}`} role="option" aria-selected={i === at} onPointerMove={() => setAt(i)} onClick={() => choose(item.symbol)}>
            <b>{item.symbol}</b><span className="muted grow">{item.name}</span><span className="muted">{item.type}</span>
          </li>
        ))}
      </ul>
    </Modal>
  );
}
