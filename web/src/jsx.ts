// What JSX becomes in the bundle, see build.mjs. The name must not be one that code uses: a local
// variable of the same name would take its place.
export { Fragment as JsxFragment, h as jsxNode } from 'preact';
