/** A work type's form: from its JSON Schema to inputs, and from what people typed to answers; pure. */

import type { FormField, Language, Problem } from '../api/types.ts'

export type Control = 'text' | 'number' | 'choice' | 'yes_no' | 'confirm' | 'date' | 'lines' | 'unknown'
/** What stands in the inputs, by field. */
export type Typed = Record<string, string | boolean>
/** What is wrong with a field: a key of the texts under `form.wrong`, with its values. */
export interface Wrong {
  key: string
  values: Record<string, string | number>
}

const TITLE = /^(.*?) · (.*)$/

/** A title is written `中文 · English`; one of any other form is shown whole. */
export function titleIn(field: FormField, name: string, language: Language): string {
  const parts = TITLE.exec(field.title ?? '')
  if (!parts) return field.title ?? name
  return (language === 'zh' ? parts[1] : parts[2]) ?? name
}

export function controlOf(field: FormField): Control {
  if (field.const === true) return 'confirm'
  if (field.enum) return 'choice'
  if (field.type === 'boolean') return 'yes_no'
  if (field.type === 'integer' || field.type === 'number') return 'number'
  if (field.type === 'array') return 'lines'
  if (field.type === 'string') return field.format === 'date' ? 'date' : 'text'
  return 'unknown'
}

/** The answer that was typed, as the schema wants it; undefined where nothing was. */
export function answerOf(field: FormField, typed: string | boolean | undefined): unknown {
  if (typed === undefined || typed === '' || typed === false) return undefined
  const control = controlOf(field)
  if (control === 'confirm') return true
  const text = String(typed).trim()
  if (control === 'yes_no') return text === 'yes'
  if (control === 'number') return Number(text)
  if (control === 'choice') return field.enum?.find((one) => String(one) === text)
  if (control === 'lines') return text.split(/[\n,，、]/).map((one) => one.trim()).filter(Boolean)
  return text || undefined
}

export function wrongWith(field: FormField, typed: string | boolean | undefined, required: boolean): Wrong | null {
  const answer = answerOf(field, typed)
  if (answer === undefined) return required ? { key: 'required', values: {} } : null
  if (typeof answer === 'number') return wrongNumber(field, answer)
  if (typeof answer === 'string') return wrongText(field, answer)
  return null
}

function wrongNumber(field: FormField, answer: number): Wrong | null {
  if (!Number.isFinite(answer)) return { key: 'number', values: {} }
  if (field.type === 'integer' && !Number.isInteger(answer)) return { key: 'whole', values: {} }
  if (field.minimum !== undefined && answer < field.minimum) return { key: 'least', values: { n: field.minimum } }
  if (field.maximum !== undefined && answer > field.maximum) return { key: 'most', values: { n: field.maximum } }
  return null
}

function wrongText(field: FormField, answer: string): Wrong | null {
  if (field.minLength !== undefined && answer.length < field.minLength) return { key: 'short', values: { n: field.minLength } }
  if (field.maxLength !== undefined && answer.length > field.maxLength) return { key: 'long', values: { n: field.maxLength } }
  if (field.pattern !== undefined && !new RegExp(field.pattern, 'u').test(answer)) return { key: 'pattern', values: { pattern: field.pattern } }
  return null
}

/** What the server found wrong with fields, by its codes; what concerns the whole step it says in its sentence. */
export function wrongFields(problem: Problem): Record<string, Wrong> {
  const missing = problem.facts?.['missing']
  const found: Record<string, Wrong> = {}
  for (const { code, facts = {} } of Array.isArray(missing) ? (missing as Refusal[]) : []) {
    const field = String(facts['field'] ?? FIELD_OF[code] ?? '')
    if (field) found[field] = { key: KEY_OF[code] ?? 'other', values: { n: String(facts['limit'] ?? ''), pattern: String(facts['pattern'] ?? '') } }
  }
  return found
}

interface Refusal {
  code: string
  facts?: Record<string, unknown>
}
const FIELD_OF: Record<string, string> = {
  'proof.note': 'note', 'proof.to_crew': 'to_crew', 'proof.estimate': 'estimate_at', 'proof.position': 'position',
  'proof.appointment': 'appointment', 'proof.appointment_window': 'appointment', 'proof.unearthed': 'earthing_removed',
}
const KEY_OF: Record<string, string> = {
  'proof.note': 'required', 'proof.to_crew': 'required', 'proof.estimate': 'required', 'proof.position': 'required',
  'proof.appointment': 'window', 'proof.appointment_window': 'window', 'proof.unearthed': 'unearthed', 'form.unanswered': 'required',
  'form.too_small': 'least', 'form.too_large': 'most', 'form.too_short': 'short', 'form.too_long': 'long', 'form.other_pattern': 'pattern',
}

/** The form as the history tells it: of each field the last answer. */
export function answersOf(history: { details: Record<string, unknown> }[]): Record<string, unknown> {
  return Object.assign({}, ...history.map((entry) => entry.details['answers'] ?? {})) as Record<string, unknown>
}
