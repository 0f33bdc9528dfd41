/** Symbols of the map as signed distance fields, computed from their geometry: sharp at any size, any colour. */

import type { Map as MapLibre } from 'maplibre-gl'

const SIZE = 48
/** The renderer's convention: alpha .75 is the edge, one eighth less for each pixel outwards. */
const EDGE = 0.75
const PER_PIXEL = 1 / 8
type Distance = (x: number, y: number) => number

const ring = (cx: number, cy: number, r: number, half: number): Distance => (x, y) =>
  Math.abs(Math.hypot(x - cx, y - cy) - r) - half

const stroke = (ax: number, ay: number, bx: number, by: number, half: number): Distance => (x, y) => {
  const [dx, dy] = [bx - ax, by - ay]
  const along = Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy)))
  return Math.hypot(x - ax - along * dx, y - ay - along * dy) - half
}

const disc = (cx: number, cy: number, r: number): Distance => (x, y) => Math.hypot(x - cx, y - cy) - r

const box = (half: number): Distance => (x, y) => Math.max(Math.abs(x), Math.abs(y)) - half

const union = (...parts: Distance[]): Distance => (x, y) => Math.min(...parts.map((part) => part(x, y)))

/** Two windings. */
const transformer = union(ring(0, -5, 8, 1.7), ring(0, 5, 8, 1.7))
/** A lifted blade between two contacts. */
const openSwitch = union(disc(-11, 6, 3.4), disc(11, 6, 3.4), stroke(-11, 6, 7, -10, 1.9))
const closedSwitch = box(6)

function field(shape: Distance): { width: number; height: number; data: Uint8ClampedArray } {
  const data = new Uint8ClampedArray(SIZE * SIZE * 4)
  for (let row = 0; row < SIZE; row++) {
    for (let column = 0; column < SIZE; column++) {
      const distance = shape(column - SIZE / 2 + 0.5, row - SIZE / 2 + 0.5)
      data[(row * SIZE + column) * 4 + 3] = 255 * Math.min(1, Math.max(0, EDGE - distance * PER_PIXEL))
    }
  }
  return { width: SIZE, height: SIZE, data }
}

export function addIcons(map: MapLibre): void {
  const symbols = { transformer, 'switch-open': openSwitch, 'switch-closed': closedSwitch }
  for (const [name, shape] of Object.entries(symbols)) {
    map.addImage(name, field(shape), { sdf: true, pixelRatio: 2 })
  }
}
