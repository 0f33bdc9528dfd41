/** One ticking "now" for all durations on the page. */

import { ref } from 'vue'

export const nowMs = ref(Date.now())

setInterval(() => {
  nowMs.value = Date.now()
}, 1000)
