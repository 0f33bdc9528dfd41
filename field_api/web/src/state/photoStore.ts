/** Pictures that have not reached the server, kept by the browser: closing the page or the camera loses none. */

export interface KeptPhoto {
  id: string
  user: string
  order: string
  takenAt: string
  caption: string
  sha256: string
  file: Blob
}

const DATABASE = 'gridcrew'
const PHOTOS = 'photos'
let opened: Promise<IDBDatabase> | undefined

function open(): Promise<IDBDatabase> {
  opened ??= new Promise((resolve, reject) => {
    const asked = indexedDB.open(DATABASE, 1)
    asked.onupgradeneeded = () => asked.result.createObjectStore(PHOTOS, { keyPath: 'id' })
    asked.onsuccess = () => resolve(asked.result)
    asked.onerror = () => reject(asked.error)
  })
  return opened
}

async function within<T>(mode: IDBTransactionMode, work: (photos: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const transaction = (await open()).transaction(PHOTOS, mode)
  const asked = work(transaction.objectStore(PHOTOS))
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(asked.result)
    transaction.onabort = transaction.onerror = () => reject(transaction.error)
  })
}

export const keepPhoto = (photo: KeptPhoto): Promise<unknown> => within('readwrite', (photos) => photos.put(photo))
export const dropPhoto = (id: string): Promise<unknown> => within('readwrite', (photos) => photos.delete(id))

/** Oldest first: their ids sort by time. */
export async function keptPhotos(user: string): Promise<KeptPhoto[]> {
  const all = await within<KeptPhoto[]>('readonly', (photos) => photos.getAll())
  return all.filter((photo) => photo.user === user)
}
