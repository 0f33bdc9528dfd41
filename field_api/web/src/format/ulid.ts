/** Names that a client makes: 26 signs, time first, so that they sort by it (https://github.com/ulid/spec). */

const SIGNS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const TIME_SIGNS = 10
const RANDOM_SIGNS = 16

/** `random`: at least 16 bytes; without a secure context there is no `crypto.randomUUID`, but these there are. */
export function ulid(nowMs: number, random: Uint8Array = crypto.getRandomValues(new Uint8Array(RANDOM_SIGNS))): string {
  let time = ''
  for (let left = nowMs; time.length < TIME_SIGNS; left = Math.floor(left / SIGNS.length)) time = SIGNS.charAt(left % SIGNS.length) + time
  return time + [...random.subarray(0, RANDOM_SIGNS)].map((byte) => SIGNS.charAt(byte % SIGNS.length)).join('')
}
