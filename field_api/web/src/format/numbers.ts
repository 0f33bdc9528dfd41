/** Numbers as people read them; pure. */

const GROUPED = new Intl.NumberFormat('en-US')

export function count(n: number): string {
  return GROUPED.format(Math.round(n))
}

/** A probability in per cent that never rounds doubt away: .9996 is `99.9 %`, only 1 is `100 %`. */
export function percent(share: number): string {
  if (share >= 1) return '100%'
  if (share >= 0.99) return `${(Math.floor(share * 1000) / 10).toFixed(1)}%`
  return `${Math.floor(share * 100)}%`
}

/** `120–134`, or nothing when the bounds leave no doubt. */
export function range(low: number, high: number): string {
  return low === high ? '' : `${count(low)}–${count(high)}`
}

export function kilovolts(kv: number | null): string {
  return kv === null ? '–' : `${Number(kv.toFixed(2))} kV`
}
