/** A detail fetched from the server, again whenever its live summary changes. */

import { ref, type Ref, shallowRef, watch } from 'vue'

import { get, RequestFailed } from '../api/client.ts'

export interface Detail<T> {
  value: Readonly<Ref<T | null>>
  problem: Readonly<Ref<'' | 'gone' | 'failed'>>
}

/** `changes` is read reactively: a new value means fetch again; nothing is asked before it is `there`. */
export function useDetail<T>(path: string | (() => string), changes: () => unknown, there: () => boolean = () => true): Detail<T> {
  const value = shallowRef<T | null>(null)
  const problem = ref<'' | 'gone' | 'failed'>('')
  let newest = 0

  async function fetchIt(): Promise<void> {
    if (!there()) return
    const turn = ++newest
    try {
      const answer = await get<T>(typeof path === 'string' ? path : path())
      if (turn === newest) value.value = answer
      problem.value = ''
    } catch (failure) {
      problem.value = failure instanceof RequestFailed && failure.status === 404 ? 'gone' : 'failed'
    }
  }
  watch(changes, () => void fetchIt(), { immediate: true })
  return { value, problem }
}
