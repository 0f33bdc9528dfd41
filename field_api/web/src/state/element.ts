/** The element that the person looks at, fetched again when an outage may have changed its standing. */

import { ref, shallowRef, watch } from 'vue'

import { get, RequestFailed } from '../api/client.ts'
import type { GridElement } from '../api/types.ts'
import { openOutages } from './board.ts'
import { selection } from './selection.ts'

export const shownElement = shallowRef<GridElement | null>(null)
export const elementProblem = ref<'' | 'gone' | 'failed'>('')

export async function refreshElement(): Promise<void> {
  const chosen = selection.value
  if (chosen?.type !== 'element') return
  try {
    const element = await get<GridElement>(`/elements/${encodeURIComponent(chosen.id)}`)
    if (selection.value?.id === chosen.id) shownElement.value = element
    elementProblem.value = ''
  } catch (failure) {
    elementProblem.value = failure instanceof RequestFailed && failure.status === 404 ? 'gone' : 'failed'
  }
}

watch(
  selection,
  (chosen) => {
    if (chosen?.type !== 'element' || chosen.id !== shownElement.value?.id) shownElement.value = null
    void refreshElement()
  },
  { immediate: true },
)
watch(() => openOutages.value.map((outage) => `${outage.id}/${outage.revision}`).join(), () => void refreshElement())
