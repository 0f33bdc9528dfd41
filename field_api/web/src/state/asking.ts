/** One request that a person starts: busy while it runs, a problem in words where it fails. */

import { ref, type Ref } from 'vue'

export interface Asking {
  busy: Ref<boolean>
  problem: Ref<string>
  /** The answer, or nothing where it failed. */
  ask: <T>(request: () => Promise<T>) => Promise<T | undefined>
}

export function useAsking(): Asking {
  const busy = ref(false)
  const problem = ref('')
  async function ask<T>(request: () => Promise<T>): Promise<T | undefined> {
    busy.value = true
    problem.value = ''
    try {
      return await request()
    } catch (failure) {
      problem.value = (failure as Error).message
      return undefined
    } finally {
      busy.value = false
    }
  }
  return { busy, problem, ask }
}
