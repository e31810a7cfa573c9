/** What only exists once it is built. */
declare module "*.po" {
  const words: Record<string, string[]>;
  export default words;
}
declare module "htmx-ext-sse";
/** The files that the page needs, and which version of them this is. */
declare const FILES: string[];
declare const VERSION: string;
