const DECIMALS = 4;

function scaled(amount: string): bigint | null {
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(amount);
  if (!match) return null;
  const [, sign = "", whole = "0", fraction = ""] = match;
  const units = BigInt(whole + fraction.padEnd(DECIMALS, "0").slice(0, DECIMALS));
  return sign ? -units : units;
}

/** The sum of decimal strings as the API sends money, exactly; null when one of them is no amount. */
export function sumOf(amounts: readonly string[]): string | null {
  let sum = 0n;
  for (const amount of amounts) {
    const units = scaled(amount);
    if (units === null) return null;
    sum += units;
  }
  const digits = (sum < 0n ? -sum : sum).toString().padStart(DECIMALS + 1, "0");
  const fraction = digits.slice(-DECIMALS).replace(/0{1,2}$/, "");
  return `${sum < 0n ? "-" : ""}${digits.slice(0, -DECIMALS)}.${fraction}`;
}
