/** What only exists once it is built. */
declare module "catalogues" {
  /** Of each English text the forms that it has in each language. */
  const words: Record<string, string[][]>;
  export default words;
}
declare module "htmx-ext-sse";
/** The files that the page needs, and which version of them this is. */
declare const FILES: string[];
declare const VERSION: string;
