/** What is asked for again and again while somebody is there to look, and at once when the feed tells of a change. */

import { soon } from './soon.ts'

export interface Rounds {
  /** Asks now, and then every so often. */
  begin: () => void
  end: () => void
  /** For the feed: a burst of events is one question; none while nobody looks. */
  moved: () => void
}

export function rounds(ask: () => unknown, everyMs: number): Rounds {
  let timer: ReturnType<typeof setInterval> | undefined
  function end(): void {
    clearInterval(timer)
    timer = undefined
  }
  function begin(): void {
    end()
    ask()
    timer = setInterval(ask, everyMs)
  }
  return { begin, end, moved: soon(() => timer !== undefined && ask()) }
}
