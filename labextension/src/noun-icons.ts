import { LabIcon } from '@jupyterlab/ui-components';

import modelSvg from '../style/icons/model.svg';
import moduleSvg from '../style/icons/module.svg';

export const moduleIcon = new LabIcon({ name: 'nbops:module', svgstr: moduleSvg });
export const modelIcon = new LabIcon({ name: 'nbops:model', svgstr: modelSvg });
