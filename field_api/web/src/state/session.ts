/** Who is logged in. `undefined` until the server has answered. */

import { computed, ref } from 'vue'

import { get, RequestFailed, send, useCsrfToken, whenLoggedOut } from '../api/client.ts'
import type { Role, Session, User } from '../api/types.ts'
import { speakFor } from '../i18n/index.ts'
import { forgetOperations } from './operate.ts'
import type { Tab } from './selection.ts'

/** Remembered so that a first visit asks nothing that must be refused. */
const HAD_SESSION = 'gridcrew.session'

export const user = ref<User | null | undefined>(undefined)
/** The office's people who decide; crews report, viewers read. */
export const mayChange = computed(() => user.value?.role === 'admin' || user.value?.role === 'dispatcher')
export const mayAudit = computed(() => user.value?.role === 'auditor')
export const mayAssign = computed(() => mayChange.value || user.value?.role === 'grid_manager')

const PHOTOGRAPHERS: readonly Role[] = ['admin', 'dispatcher', 'grid_manager', 'supervisor', 'crew']
export const maySendPhotos = computed(() => !!user.value && PHOTOGRAPHERS.includes(user.value.role))

/** Tabs that a role has no business with: the server would refuse what they ask. */
const WITHOUT: Partial<Record<Role, readonly Tab[]>> = { crew: ['notices'], auditor: ['dispatch'] }
export const shows = (tab: Tab): boolean => !(user.value && WITHOUT[user.value.role]?.includes(tab))

whenLoggedOut(() => {
  localStorage.removeItem(HAD_SESSION)
  user.value = null
})

export async function resumeSession(): Promise<void> {
  if (!localStorage.getItem(HAD_SESSION)) {
    user.value = null
    return
  }
  try {
    enter(await get<Session>('/session'))
  } catch (failure) {
    if (!(failure instanceof RequestFailed)) throw failure
    user.value = null
  }
}

export async function logIn(username: string, password: string): Promise<void> {
  enter(await send<Session>('POST', '/session', { username, password }))
}

export async function logOut(): Promise<void> {
  await send('DELETE', '/session')
  localStorage.removeItem(HAD_SESSION)
  user.value = null
}

function enter(session: Session): void {
  if (user.value?.id !== session.user.id) forgetOperations()
  localStorage.setItem(HAD_SESSION, 'yes')
  useCsrfToken(session.csrf_token)
  speakFor(session.user.username, session.user.language)
  user.value = session.user
}
