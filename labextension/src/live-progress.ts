import { IRenderMime, IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { Panel } from '@lumino/widgets';

import { LIVE } from './live-message';
import { IContext } from './tokens';

/** Draw what cells wait for. */
export function drawLiveProgress(rendermime: IRenderMimeRegistry, context: IContext): void {
  rendermime.addFactory(
    { safe: true, mimeTypes: [LIVE], createRenderer: () => new Later(context) },
    // Before the HTML that stands beside it.
    0
  );
}

/** Fetches the code that draws when the first cell waits. */
class Later extends Panel implements IRenderMime.IRenderer {
  constructor(private readonly _context: IContext) {
    super();
  }

  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    this._drawing ??= this._fetch();
    await (await this._drawing).renderModel(model);
  }

  private async _fetch(): Promise<IRenderMime.IRenderer> {
    const { LiveProgress } = await import('./live-drawing');
    const drawing = new LiveProgress(this._context);
    this.addWidget(drawing);
    return drawing;
  }

  private _drawing: Promise<IRenderMime.IRenderer> | null = null;
}
