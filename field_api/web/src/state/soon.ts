/** Many calls in a row become one: the work is done once they pause, and not later than a second. */

const PAUSE_MS = 250
const LATEST_MS = 1000

export function soon(work: () => unknown): () => void {
  let pause: ReturnType<typeof setTimeout> | undefined
  let since = 0
  return () => {
    const now = Date.now()
    if (pause === undefined) since = now
    clearTimeout(pause)
    pause = setTimeout(() => {
      pause = undefined
      work()
    }, Math.max(0, Math.min(PAUSE_MS, since + LATEST_MS - now)))
  }
}
