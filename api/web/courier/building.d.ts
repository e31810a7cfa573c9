/** What only exists once it is built. */
declare module "catalogues" {
  /** Of each text, by its short name, the forms that it has in each language. */
  export const words: Record<string, string[][]>;
  export function nameOf(text: string): string;
}
declare module "htmx-ext-sse";
/** The files that the page needs, and which version of them this is. */
declare const FILES: string[];
declare const VERSION: string;
