/** Run by `npm test` with Node alone: formatting is pure, so it needs no browser. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { AT_RISK_S, ruleIn, standing } from './clocks.ts'
import { answerOf, titleIn, wrongFields, wrongWith } from './forms.ts'
import { plannedDues } from './lateness.ts'
import { nameIn } from './names.ts'
import { count, kilovolts, percent, range } from './numbers.ts'
import { gist, sentence } from './reasons.ts'
import { clockTime, instantOf, roughly, secondsSince, stopwatch, useZone } from './time.ts'
import { ulid } from './ulid.ts'

const TEXTS: Record<string, string> = {
  'reason.last_gasps': '{n} last gasps', 'reason.alive_after_0': 'no sign of life', 'reason.and': ', ',
  'reason.rule_second_sign': 'a single sign', 'reason.returned_at': 'returning since {n}',
  'time.seconds': '{n} s', 'time.minutes': '{n} min', 'time.hours': '{h} h {m} min', 'time.days': '{days} d {rest}', 'time.moreDays': '{n} d',
}
const t = (key: string, values: Record<string, string | number> = {}): string =>
  (TEXTS[key] ?? key).replace(/\{(\w+)\}/g, (_, name: string) => String(values[name]))

test('a stopwatch runs to the second and grows with time', () => {
  assert.equal(stopwatch(0, t), '00:00')
  assert.equal(stopwatch(187.9, t), '03:07')
  assert.equal(stopwatch(3765, t), '1:02:45')
  assert.equal(stopwatch(2 * 86_400 + 3 * 3600 + 900, t), '2 d 03:15')
  assert.equal(stopwatch(-5, t), '00:00')
})

test('rough durations use the unit that matters', () => {
  assert.deepEqual([8, 125, 3 * 3600 + 300, 200_000].map((s) => roughly(s, t)), ['8 s', '2 min', '3 h 05 min', '2 d'])
})

test('a clock ahead of ours gives no negative age', () => {
  assert.equal(secondsSince('2026-11-22T00:00:10Z', Date.parse('2026-11-22T00:00:00Z')), 0)
})

test('another day shows its date', () => {
  const now = new Date(2026, 10, 22, 9, 5, 7)
  assert.equal(clockTime(now.toISOString(), now.getTime()), '09:05:07')
  assert.equal(clockTime(new Date(2026, 10, 21, 9, 5, 7).toISOString(), now.getTime()), '11-21 09:05:07')
})

test('per cent never rounds doubt away', () => {
  assert.deepEqual([1, 0.9999, 0.995, 0.989, 0.5, 0].map(percent), ['100%', '99.9%', '99.5%', '98%', '50%', '0%'])
})

test('numbers are grouped, and equal bounds are no range', () => {
  assert.equal(count(11542), '11,542')
  assert.equal(range(3, 3), '')
  assert.equal(range(1200, 1500), '1,200–1,500')
  assert.equal(kilovolts(0.4), '0.4 kV')
  assert.equal(kilovolts(null), '–')
})

test('reasons become sentences; unknown ones are shown as they came', () => {
  assert.equal(sentence('last_gasps=37', t), '37 last gasps')
  assert.equal(sentence('alive_after=0', t), 'no sign of life')
  assert.equal(sentence('rule=second_sign', t), 'a single sign')
  assert.equal(sentence('new_thing=3', t), 'new_thing=3')
  assert.match(sentence('returned_at=1795309200000', t), /^returning since \d\d:\d\d:\d\d$/)
  assert.equal(gist(['last_gasps=0', 'alive_after=0', 'rule=second_sign', 'x=1'], t), 'no sign of life, a single sign')
})

test('a rule is told in the language of the person', () => {
  const rule = 'promise: 城区45分钟到达 · urban arrival 45 min'
  assert.deepEqual([ruleIn(rule, 'zh'), ruleIn(rule, 'en')], ['城区45分钟到达', 'urban arrival 45 min'])
  assert.equal(ruleIn('company rule 7', 'zh'), 'company rule 7')
})

test('a running clock is at risk near its end and late after it', () => {
  const due = { clock: 'arrival', due_at: '2026-11-22T01:00:00Z', rule: '', basis: '', provisional: false, state: 'running' } as const
  const end = Date.parse(due.due_at)
  assert.equal(standing(due, end - (AT_RISK_S + 1) * 1000), 'running')
  assert.equal(standing(due, end - (AT_RISK_S - 1) * 1000), 'at_risk')
  assert.equal(standing(due, end + 1), 'late')
  assert.equal(standing({ ...due, state: 'met' }, end + 1), 'met')
})

test('clock times are the company\'s, wherever the browser is', () => {
  useZone('Asia/Shanghai')
  const now = Date.parse('2026-11-22T10:00:00Z')
  assert.equal(clockTime('2026-11-22T10:55:55Z', now), '18:55:55')
  assert.equal(clockTime('2026-11-22T16:00:00Z', now), '11-23 00:00:00')
  assert.equal(instantOf('2026-11-22T18:30'), '2026-11-22T10:30:00.000Z')
  useZone('Europe/Berlin')
  assert.equal(instantOf('2026-10-25T12:00'), '2026-10-25T11:00:00.000Z')
  assert.equal(instantOf('2026-10-24T12:00'), '2026-10-24T10:00:00.000Z')
  useZone('No/Where')
})

test('English shows an English name or the id, never a Chinese name', () => {
  const cause = { element: 'T20', name: '荷花1号公变', name_en: 'Hehua 1 transformer' }
  assert.equal(nameIn(cause, 'zh'), '荷花1号公变')
  assert.equal(nameIn(cause, 'en'), 'Hehua 1 transformer')
  assert.equal(nameIn({ ...cause, name_en: '' }, 'en'), 'T20')
  assert.equal(nameIn({ id: 'L1', name: 'Line 1' }, 'en'), 'Line 1')
  assert.equal(nameIn({ id: 'L1', name: '' }, 'zh'), 'L1')
})

test('a form is drawn in either language and says what is wrong with an answer', () => {
  const voltage = { title: '实测电压 · measured voltage', type: 'number', minimum: 0, maximum: 500 } as const
  assert.equal(titleIn(voltage, 'v', 'zh'), '实测电压')
  assert.equal(titleIn(voltage, 'v', 'en'), 'measured voltage')
  assert.equal(answerOf(voltage, '231.5'), 231.5)
  assert.equal(wrongWith(voltage, '', true)?.key, 'required')
  assert.equal(wrongWith(voltage, '', false), null)
  assert.equal(wrongWith(voltage, '600', true)?.key, 'most')
  assert.equal(wrongWith(voltage, 'none', true)?.key, 'number')
  assert.equal(wrongWith({ type: 'integer' }, '1.5', true)?.key, 'whole')
  assert.equal(wrongWith({ type: 'string', pattern: '^[0-9]{4}$' }, '12', true)?.key, 'pattern')
  assert.equal(answerOf({ const: true }, true), true)
  assert.equal(answerOf({ type: 'boolean' }, 'no'), false)
  assert.equal(answerOf({ enum: [1, 2] }, '2'), 2)
  assert.deepEqual(answerOf({ type: 'array' }, '张三、李四\n王五'), ['张三', '李四', '王五'])
})

test('what the server refused stands beside the field that it names', () => {
  const missing = [{ code: 'proof.note', facts: {} }, { code: 'form.too_large', facts: { field: 'measured_voltage_v', limit: 500 } }, { code: 'proof.all_clear' }]
  const found = wrongFields({ title: '', status: 422, code: 'order.unproven', facts: { step: 'close', missing } })
  assert.deepEqual(Object.keys(found), ['note', 'measured_voltage_v'])
  assert.equal(found['measured_voltage_v']?.key, 'most')
  assert.deepEqual(wrongFields({ title: '', status: 409 }), {})
})

test('a visit is held against arrival by its begin and against every other clock by its end', () => {
  const due = { rule: '', basis: '', provisional: false, state: 'running' } as const
  const dues = plannedDues({ begins_at: '2026-11-22T10:10:00Z', finishes_at: '2026-11-22T11:00:00Z' }, [
    { ...due, clock: 'arrival', due_at: '2026-11-22T10:00:00Z' },
    { ...due, clock: 'restoration', due_at: '2026-11-22T12:00:00Z' },
    { ...due, clock: 'patrol', due_at: '2026-11-22T12:00:00Z', state: 'met' },
  ])
  assert.deepEqual(dues.map((one) => [one.clock, one.lateMinutes]), [['arrival', 10], ['restoration', -60]])
})

test('an id is a ULID: the time of the specification\'s example, then what was drawn', () => {
  assert.equal(ulid(1_469_918_176_385, new Uint8Array(16)), `01ARYZ6S41${'0'.repeat(16)}`)
  assert.match(ulid(Date.now()), /^[0-9A-HJKMNP-TV-Z]{26}$/)
  assert.ok(ulid(1_000) < ulid(1_001))
})
