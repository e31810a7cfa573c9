/** A little that is at hand at once, where the browser lets it be kept: some let nothing be. */
export const kept: Storage | null = (() => {
  try {
    return localStorage;
  } catch {
    return null; // what the page does without it is told where the store cannot be opened
  }
})();
