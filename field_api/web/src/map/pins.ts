/** Marks above the tiles: causes of outages, crews, names of grid cells. Few, so plain elements. */

import { type Map as MapLibre, Marker, type MarkerOptions } from 'maplibre-gl'

export interface Pin {
  id: string
  lon: number
  lat: number
  className: string
  label: string
  /** Spoken and shown on hover; a pin with a title is a button. */
  title?: string
  onPick?: () => void
  /** Stands above or below its place instead of on it. */
  side?: 'above' | 'below'
}

const SIDES: Record<'above' | 'below', MarkerOptions> = {
  above: { anchor: 'bottom', offset: [0, -7] },
  below: { anchor: 'top', offset: [0, 6] },
}

/** Keeps the elements on the map equal to a list of pins. */
export class Pins {
  private readonly shown = new Map<string, Marker>()

  constructor(private readonly map: MapLibre) {}

  show(pins: Pin[]): void {
    const wanted = new Set(pins.map((pin) => pin.id))
    for (const [id, marker] of this.shown) {
      if (wanted.has(id)) continue
      marker.remove()
      this.shown.delete(id)
    }
    for (const pin of pins) this.place(pin)
  }

  private place(pin: Pin): void {
    let marker = this.shown.get(pin.id)
    if (!marker) {
      const element = document.createElement(pin.onPick ? 'button' : 'div')
      marker = new Marker(pin.side ? { element, ...SIDES[pin.side] } : { element })
      marker.setLngLat([pin.lon, pin.lat]).addTo(this.map)
      this.shown.set(pin.id, marker)
    }
    marker.setLngLat([pin.lon, pin.lat])
    dress(marker.getElement(), pin)
  }
}

function dress(element: HTMLElement, pin: Pin): void {
  // The renderer keeps classes of its own on the element: only ours are exchanged.
  for (const name of [...element.classList]) if (name.startsWith('pin')) element.classList.remove(name)
  element.classList.add('pin', ...pin.className.split(' '))
  const label = element.querySelector('.pin-label') ?? element.appendChild(document.createElement('span'))
  label.className = 'pin-label'
  label.textContent = pin.label
  element.title = pin.title ?? ''
  if (pin.onPick) {
    element.setAttribute('aria-label', pin.title ?? pin.label)
    element.onclick = (event) => {
      event.stopPropagation()
      pin.onPick?.()
    }
  } else {
    element.setAttribute('aria-hidden', 'true')
    element.removeAttribute('role')
    element.removeAttribute('tabindex')
    element.removeAttribute('aria-label')
  }
}
