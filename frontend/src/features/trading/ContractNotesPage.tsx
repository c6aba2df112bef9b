import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";

import { data } from "@/api/client";
import { type ContractNoteView, listContractNotes } from "@/api/generated";
import { rupees } from "@/shared/format/numbers";
import { day } from "@/shared/format/time";
import { Empty, Failure, Loading } from "@/shared/ui/states";

import { useTradingAccount } from "./account";
import "./trading.css";

/** What each day's trades came to, charge by charge. */
export default function ContractNotesPage() {
  const { account, list } = useTradingAccount();
  const id = account?.id ?? "";
  const notes = useQuery({ queryKey: ["trades", "notes", id], queryFn: () => data(listContractNotes({ path: { account_id: id } })), enabled: id !== "" });
  return (
    <div className="page">
      <div className="row">
        <h1 className="grow">Contract notes</h1>
        <Link className="button" to="/portfolio">Portfolio</Link>
      </div>
      {(list.isPending || (notes.isPending && account)) && <Loading />}
      {list.isError && <Failure error={list.error} retry={() => void list.refetch()} />}
      {notes.isError && <Failure error={notes.error} retry={() => void notes.refetch()} />}
      {list.isSuccess && !account && <Empty action={<Link className="button primary" to="/portfolio">Open a paper account</Link>}>There is no trading account yet.</Empty>}
      {notes.data?.items.length === 0 && <Empty action={<Link className="button" to="/">Go to the workspace</Link>}>A day on which you trade gets a note here.</Empty>}
      {notes.data?.items.map((note) => <Note key={`${note.day}${note.plan}`} note={note} />)}
    </div>
  );
}

const words = (name: string): string => name.replaceAll("_", " ").replace(/^./, (letter) => letter.toUpperCase());

function Note({ note }: { note: ContractNoteView }) {
  const title = day(`${note.day}T12:00:00+05:30`);
  return (
    <article className="panel stack" aria-label={`Contract note of ${title}`}>
      <div className="row">
        <h2 className="grow">{title}</h2>
        <span className="muted">Plan {note.plan}, charges table {note.table_version}</span>
      </div>
      <div className="scroll-x" tabIndex={0} role="group" aria-label={`Trades of ${title}`}>
        <table>
          <thead><tr><th scope="col">Instrument</th><th scope="col">Side</th><th scope="col">Kind</th><th scope="col" className="num">Quantity</th><th scope="col" className="num">Price</th><th scope="col" className="num">Value</th></tr></thead>
          <tbody>
            {note.trades.map((leg) => (
              <tr key={leg.trade_id}>
                <td><Link to={`/chart/${encodeURIComponent(leg.symbol)}`}>{leg.symbol}</Link></td><td>{leg.side}</td><td>{words(leg.kind)}</td>
                <td className="num">{leg.quantity}</td><td className="num">{rupees(leg.price)}</td><td className="num">{rupees(leg.value)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <dl className="facts-row" aria-label="Charges">
        {Object.entries(note.charges).map(([name, amount]) => <div key={name}><dt>{words(name)}</dt><dd className="num">{rupees(amount)}</dd></div>)}
      </dl>
      <dl className="facts-row" aria-label="Sums">
        <div><dt>Gross</dt><dd className="num">{rupees(note.gross)}</dd></div>
        <div><dt>All charges</dt><dd className="num">{rupees(note.charges_total)}</dd></div>
        <div><dt>Net</dt><dd className="num">{rupees(note.net)}</dd></div>
      </dl>
    </article>
  );
}
