/** Reads codes with the camera, where the browser can (BarcodeDetector). */

interface Detector {
  detect(source: HTMLVideoElement): Promise<{ rawValue: string }[]>;
}
type DetectorClass = new (options?: { formats: string[] }) => Detector;

const detectorClass = (): DetectorClass | undefined =>
  (globalThis as { BarcodeDetector?: DetectorClass }).BarcodeDetector;

export const canScan = (): boolean => detectorClass() !== undefined && navigator.mediaDevices !== undefined;

const PAUSE_MS = 150;

/**
 * Show the camera in `video` and tell `found` each code that comes into sight, until the answer is called.
 * Rejects where the camera may not be used.
 */
export async function scan(video: HTMLVideoElement, found: (code: string) => void): Promise<() => void> {
  const Detecting = detectorClass();
  if (Detecting === undefined) throw new DOMException("no codes can be read here", "NotSupportedError");
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  video.srcObject = stream;
  await video.play();
  const detector = new Detecting();
  let isOn = true;
  let last = "";
  const look = async (): Promise<void> => {
    while (isOn) {
      // A frame that cannot be read is followed by one that can.
      const codes = await detector.detect(video).catch(() => []);
      for (const { rawValue } of codes) {
        if (isOn && rawValue !== last) found(rawValue);
        last = rawValue;
      }
      await new Promise((done) => setTimeout(done, PAUSE_MS));
    }
  };
  void look();
  return () => {
    isOn = false;
    for (const track of stream.getTracks()) track.stop();
  };
}
