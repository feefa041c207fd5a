// The arrow of what was on the wire, from one rail to the other.

/** `lost`: it ends on its way. */
export function Arrow({ right, lost }: { right: boolean; lost?: boolean | undefined }) {
  const to = lost ? '62%' : '100%';
  const [x1, x2] = right ? ['0', to] : ['100%', lost ? '38%' : '0'];
  return (
    <svg class="arrow" aria-hidden="true" width="100%" height="40">
      <line x1={x1} y1="23" x2={x2} y2="31" />
      <svg x={x2} y="31" overflow="visible"><path d={lost ? 'M-5-5 5 5M5-5-5 5' : right ? 'M1 0l-9-5v10z' : 'M-1 0l9-5v10z'} fill="currentColor" stroke={lost ? 'currentColor' : undefined} stroke-width="2" /></svg>
    </svg>
  );
}
