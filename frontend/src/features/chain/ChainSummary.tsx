import type { OptionChainView } from "@/api/generated";
import { price } from "@/shared/format/numbers";
import { moment } from "@/shared/format/time";

/** What the whole chain says, and how its Greeks were computed. */
export function ChainSummary({ chain }: { chain: OptionChainView }) {
  const facts = [
    ["Spot", price(chain.spot)], ["Forward", price(chain.forward)], ["At the money", price(chain.atm)], ["Max pain", price(chain.max_pain)],
    ["Put/call by OI", price(chain.pcr)], ["Put/call by volume", price(chain.pcr_volume)], ["Days left", price(chain.days_to_expiry, 1)],
  ] as const;
  return (
    <>
      <dl className="facts-row">
        {facts.map(([name, value]) => <div key={name}><dt>{name}</dt><dd className="num">{value}</dd></div>)}
      </dl>
      {chain.spot === null && <p className="warn">The price of {chain.underlying} is not known now, so no strike is marked as at the money.</p>}
      <p className="muted">Implied volatility and Greeks: Black-76 on the parity forward, interest {price(chain.rate * 100, 2)}% a year, as of {moment(chain.as_of)}.</p>
    </>
  );
}
