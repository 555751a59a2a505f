import { NOT_FOUND_MARK, SITE_PAGES, VIEWER_ADDRESS_HEADER } from '../lambdas/contract/site.ts'

/**
 * Code that runs at the edge (Amazon CloudFront developer guide, "CloudFront Functions", runtime 2.0). Rendered from the same
 * table that the local server answers by.
 */

/** Writes down the address that CloudFront saw, over anything that the viewer said it was. */
export const viewerAddressCode = (): string => `function handler(event) {
  var request = event.request;
  request.headers['${VIEWER_ADDRESS_HEADER}'] = { value: event.viewer.ip };
  return request;
}
`

/** Gives each known path its page. What is no page and no file with an ending is the page that says so. */
export const pageOfPathCode =
  (): string => `var PAGES = [${SITE_PAGES.map(([pattern, file]) => `[${String(pattern)}, '/${file}']`).join(', ')}];
function handler(event) {
  var request = event.request;
  for (var i = 0; i < PAGES.length; i++) {
    if (PAGES[i][0].test(request.uri)) { request.uri = PAGES[i][1]; return request; }
  }
  if (!/^\\/(?:assets\\/[\\w.-]+|favicon\\.svg|\\.well-known\\/security\\.txt)$/.test(request.uri)) request.uri = '/404.html';
  return request;
}
`

/** The page for unknown paths is a file like any other to S3, marked when it was uploaded: here it gets its status. */
export const notFoundStatusCode = (): string => `function handler(event) {
  var response = event.response;
  if (response.headers['${NOT_FOUND_MARK}'] && response.statusCode === 200) {
    response.statusCode = 404;
    response.statusDescription = 'Not Found';
  }
  delete response.headers['${NOT_FOUND_MARK}'];
  return response;
}
`
