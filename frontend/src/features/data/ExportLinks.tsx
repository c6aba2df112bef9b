import { useMutation } from "@tanstack/react-query";

import { data } from "@/api/client";
import { readCandles } from "@/api/generated";
import { Failure } from "@/shared/ui/states";

const FORMATS = [
  { format: "csv", name: "CSV", ending: "csv" },
  { format: "parquet", name: "Parquet", ending: "parquet" },
  { format: "arrow", name: "Arrow", ending: "arrow" },
] as const;
type Format = (typeof FORMATS)[number];

interface Props {
  symbol: string;
  interval: string;
}

/** Save the newest bars of an instrument as a file. */
export function ExportLinks({ symbol, interval }: Props) {
  const save = useMutation({
    mutationFn: async ({ format, ending }: Format) => {
      // A link would have to carry the token in its address.
      const file: unknown = await data(readCandles({ path: { symbol }, query: { interval, format, limit: 100_000 }, parseAs: "blob" }));
      const link = document.createElement("a");
      link.href = URL.createObjectURL(file as Blob);
      link.download = `${symbol.replace(":", "-")}-${interval}.${ending}`;
      link.click();
      URL.revokeObjectURL(link.href);
    },
  });
  return (
    <>
      <div className="row" role="group" aria-label={`Export ${symbol}`}>
        <span className="muted">Export {interval} bars:</span>
        {FORMATS.map((each) => <button key={each.format} type="button" className="button" disabled={save.isPending} onClick={() => save.mutate(each)}>{each.name}</button>)}
      </div>
      {save.isError && <Failure error={save.error} />}
    </>
  );
}
