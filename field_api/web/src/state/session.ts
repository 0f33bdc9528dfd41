/** Who is logged in. `undefined` until the server has answered. */

import { ref } from 'vue'

import { get, RequestFailed, send, useCsrfToken, whenLoggedOut } from '../api/client.ts'
import type { Session, User } from '../api/types.ts'
import { speakFor } from '../i18n/index.ts'

export const user = ref<User | null | undefined>(undefined)

whenLoggedOut(() => {
  user.value = null
})

export async function resumeSession(): Promise<void> {
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
  user.value = null
}

function enter(session: Session): void {
  useCsrfToken(session.csrf_token)
  speakFor(session.user.username, session.user.language)
  user.value = session.user
}
