/** One step of an order on its way: what was typed, what is wrong with it, and sending it. */

import { reactive, ref, type Ref } from 'vue'

import { RequestFailed } from '../api/client.ts'
import type { FormField, Order, OrderDetail, WorkStep } from '../api/types.ts'
import { answerOf, type Typed, type Wrong, wrongFields, wrongWith } from '../format/forms.ts'
import { instantOf } from '../format/time.ts'
import { t } from '../i18n/index.ts'
import { keepOrder } from './board.ts'
import { operate } from './operate.ts'

export interface Said {
  note: string
  toCrew: string
  estimate: string
  begins: string
  ends: string
  attribution: string
  happened: string
  atElement: boolean
}

export interface Stepping {
  typed: Ref<Typed>
  said: Said
  /** By field, in words. */
  problems: Ref<Record<string, string>>
  busy: Ref<boolean>
  /** What concerns the whole form. */
  problem: Ref<string>
  /** True once the order has taken the step. */
  send: () => Promise<boolean>
}

export function useStep(order: OrderDetail, step: WorkStep, fields: () => [string, FormField][]): Stepping {
  const typed = ref<Typed>({})
  const said = reactive<Said>({ note: '', toCrew: '', estimate: '', begins: '', ends: '', attribution: '', happened: '', atElement: false })
  const problems = ref<Record<string, string>>({})
  const problem = ref('')
  const busy = ref(false)

  async function send(): Promise<boolean> {
    problem.value = ''
    problems.value = { ...missing(step, said), ...wrong(step, fields(), typed.value) }
    if (Object.keys(problems.value).length) return false
    busy.value = true
    try {
      const now = new Date().toISOString()
      const body = { step: step.name, ...told(order, said, fields(), typed.value) }
      keepOrder(await operate<Order>(`/orders/${encodeURIComponent(order.id)}/steps`, body, { revision: order.revision, at: now }, { sent_at: now }))
      return true
    } catch (failure) {
      problem.value = (failure as Error).message
      if (failure instanceof RequestFailed) problems.value = inWords(wrongFields(failure.problem))
      return false
    } finally {
      busy.value = false
    }
  }
  return { typed, said, problems, busy, problem, send }
}

function missing(step: WorkStep, said: Said): Record<string, string> {
  const wanted: [need: string, field: string, given: boolean][] = [
    ['note', 'note', said.note.trim() !== ''],
    ['to_crew', 'to_crew', said.toCrew !== ''],
    ['estimate', 'estimate_at', said.estimate !== ''],
    ['appointment', 'appointment', said.begins !== '' && said.ends > said.begins],
    ['position', 'position', said.atElement],
  ]
  const lacking = wanted.filter(([need, , given]) => step.needs.includes(need) && !given)
  return Object.fromEntries(lacking.map(([need, field]) => [field, t(need === 'appointment' ? 'form.wrong.window' : 'form.required')]))
}

function wrong(step: WorkStep, fields: [string, FormField][], typed: Typed): Record<string, string> {
  const found: Record<string, Wrong> = {}
  for (const [name, field] of fields) {
    const problem = wrongWith(field, typed[name], step.fields.includes(name))
    if (problem) found[name] = problem
  }
  return inWords(found)
}

function inWords(found: Record<string, Wrong>): Record<string, string> {
  const words = ({ key, values }: Wrong): string => (key === 'required' ? t('form.required') : t(`form.wrong.${key}`, values))
  return Object.fromEntries(Object.entries(found).map(([field, wrong]) => [field, words(wrong)]))
}

/** What the person said; what was left empty is left out. */
function told(order: Order, said: Said, fields: [string, FormField][], typed: Typed): Record<string, unknown> {
  const answers = fields.map(([name, field]) => [name, answerOf(field, typed[name])]).filter(([, answer]) => answer !== undefined)
  const body: Record<string, unknown> = {}
  if (said.happened) body['at'] = instantOf(said.happened)
  if (said.note.trim()) body['note'] = said.note.trim()
  if (said.toCrew) body['to_crew'] = said.toCrew
  if (said.estimate) body['estimate_at'] = instantOf(said.estimate)
  if (said.begins && said.ends) body['appointment'] = { begins_at: instantOf(said.begins), ends_at: instantOf(said.ends) }
  if (said.attribution) body['attribution'] = said.attribution
  if (said.atElement && order.lon !== null && order.lat !== null) body['position'] = { lon: order.lon, lat: order.lat }
  if (answers.length) body['answers'] = Object.fromEntries(answers)
  return body
}
