/** Text of an element of the page that the build packed: gzip, in base64. */
export async function unpack(element: HTMLElement): Promise<string> {
  const packed = Uint8Array.from(atob(element.textContent!), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip') as unknown as TransformStream<Uint8Array, Uint8Array>);
  return new TextDecoder(element.dataset.encoding).decode(await new Response(stream).arrayBuffer());
}
