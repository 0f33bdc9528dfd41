/** The trace that the map shows instead of the way to the source. */

import { shallowRef, watch } from 'vue'

import { selection } from './selection.ts'

export const traced = shallowRef<string[]>([])

watch(selection, () => {
  traced.value = []
})
