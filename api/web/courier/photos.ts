/** Makes a photo small enough for a phone's upload, before it is kept in the outbox. */

const MOST_BYTES = 300_000;
const LONGEST_SIDE = 1600;
const SMALLEST_SIDE = 400;

/** The photo as JPEG of at most 300 KB; null where the browser cannot read the picture. */
export async function scaled(file: Blob): Promise<Blob | null> {
  let picture: ImageBitmap;
  try {
    picture = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    return null; // the caller says that it cannot be read
  }
  try {
    for (let side = LONGEST_SIDE; side >= SMALLEST_SIDE; side *= 0.7) {
      for (const quality of [0.8, 0.65, 0.5]) {
        const made = await drawn(picture, side, quality);
        if (made !== null && made.size <= MOST_BYTES) return made;
      }
    }
    return null;
  } finally {
    picture.close();
  }
}

function drawn(picture: ImageBitmap, side: number, quality: number): Promise<Blob | null> {
  const ratio = Math.min(1, side / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(picture.width * ratio));
  canvas.height = Math.max(1, Math.round(picture.height * ratio));
  canvas.getContext("2d")?.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/jpeg", quality));
}
