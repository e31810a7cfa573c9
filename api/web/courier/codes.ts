/** Codes that a phone is paired by. Pure. */

/** The code itself, where what was scanned is a link that ends with it. */
export const codeIn = (given: string): string =>
  (given.split(/[/=#]/).at(-1) ?? given).replaceAll(/[\s-]/g, "").toUpperCase();
