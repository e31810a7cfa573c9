/** What only exists once it is built. */
declare module "*.po" {
  const words: Record<string, string[]>;
  export default words;
}
/** The files that the page needs, and which version of them this is. */
declare const FILES: string[];
declare const VERSION: string;
